/** What a value may give away about a person. */
export type PersonalDataKind =
  | "e-mail address"
  | "phone number"
  | "credit card number"
  | "IBAN"
  | "IP address"
  | "US social security number";

export interface PersonalData {
  readonly kind: PersonalDataKind;
  /** Share of the sampled values. */
  readonly share: number;
}

/** A column is suspected from this share of its values on, and at least so many (or all there are). */
const MIN_SHARE = 0.05;
const MIN_VALUES = 3;
/** Any number passes Luhn's check with a chance of 1 in 10; a column of cards passes it always. */
const MIN_LUHN_SHARE = 0.5;

const EMAIL =
  /[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}(?![A-Za-z0-9])/;
/** International form, E.164: `+`, a country code that is not 0, 8 to 15 digits in all. */
const PHONE = /(?<![\w+.,-])\+[1-9](?:[ ().\-/]{0,2}\d){7,14}(?!\d)/;
const SSN = /(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])/;
const IBAN =
  /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g;
/** Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay by prefix and length. */
const CARD =
  /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}|62\d{14,17})$/;
const CARD_IN_TEXT = /(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w.-])/g;
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[:/]\d{1,5})?$/;
const IPV6 = /^[0-9a-f:]{3,39}(?:\/\d{1,3})?$/i;

/**
 * Looks for personal data in a sample of a column.
 * @param values without missing ones
 * @returns the kind with the greatest share; null when there is none
 */
export function findPersonalData(values: readonly string[]): PersonalData | null {
  if (values.length === 0) return null;
  const kinds: [PersonalDataKind, number][] = [
    ["e-mail address", values.filter((value) => EMAIL.test(value)).length],
    ["phone number", values.filter((value) => PHONE.test(value)).length],
    ["credit card number", countCards(values)],
    ["IBAN", values.filter(holdsIban).length],
    ["IP address", values.filter(isIpAddress).length],
    ["US social security number", values.filter((value) => SSN.test(value)).length],
  ];
  const [kind, count] = kinds.reduce((best, next) => (next[1] > best[1] ? next : best));
  const share = count / values.length;
  if (count < Math.min(MIN_VALUES, values.length) || share < MIN_SHARE) return null;
  return { kind, share };
}

function countCards(values: readonly string[]): number {
  let shaped = 0;
  let valid = 0;
  for (const value of values) {
    const numbers = (value.match(CARD_IN_TEXT) ?? []).map((text) => text.replace(/[ -]/g, ""));
    const cards = numbers.filter((number) => CARD.test(number));
    if (cards.length > 0) shaped += 1;
    if (cards.some(passesLuhn)) valid += 1;
  }
  return valid >= shaped * MIN_LUHN_SHARE ? valid : 0;
}

/** ISO/IEC 7812-1, annex B. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = digit * 2;
    if (i % 2 === 0) sum += digit;
    else sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

function holdsIban(value: string): boolean {
  return (value.match(IBAN) ?? []).some((text) => passesMod97(text.replaceAll(" ", "")));
}

/** ISO 13616: the first four characters to the end, letters as 10 to 35, remainder 1 of 97. */
export function passesMod97(iban: string): boolean {
  if (iban.length < 15 || iban.length > 34) return false;
  let remainder = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    for (const digit of Number.parseInt(character, 36).toString()) {
      remainder = (remainder * 10 + Number(digit)) % 97;
    }
  }
  return remainder === 1;
}

function isIpAddress(value: string): boolean {
  return isIpv4(value.trim()) || isIpv6(value.trim());
}

/** A four-part version number has the same form, but small parts: one part must be 20 or more. */
function isIpv4(value: string): boolean {
  const parts = IPV4.exec(value)?.slice(1, 5) ?? [];
  if (parts.length === 0 || parts.some((part) => part.length > 1 && part.startsWith("0")))
    return false;
  const numbers = parts.map(Number);
  const first = numbers[0] ?? 0;
  return first > 0 && first < 224 && numbers.every((n) => n < 256) && numbers.some((n) => n >= 20);
}

/** RFC 4291: eight groups, or fewer with one `::`. Times and MAC addresses have fewer and no `::`. */
function isIpv6(value: string): boolean {
  if (!IPV6.test(value)) return false;
  const halves = (value.split("/")[0] ?? "").split("::");
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return false;
  return halves.length === 1
    ? groups.length === 8
    : halves.length === 2 && groups.length > 1 && groups.length < 8;
}
