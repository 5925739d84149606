/** A location that cannot be used; the message holds nothing that could be a secret. */
export class LocationError extends Error {
  constructor(problem: string) {
    super(`model repository: ${problem}`);
    this.name = "LocationError";
  }
}

/** An Azure Blob container, or a folder in one, taken apart. */
export interface ContainerLocation {
  /** The storage account, as in the endpoint. */
  readonly account: string;
  /** "https://ACCOUNT.blob.core.windows.net", or "http://127.0.0.1:10000/devstoreaccount1". */
  readonly endpoint: string;
  readonly container: string;
  /** "" or "folder/…/". */
  readonly prefix: string;
}

/** A repository location is a URL of Azure Blob Storage or a folder. */
export function isContainerLocation(location: string): boolean {
  return /^https?:\/\//i.test(location);
}

/**
 * Reads `https://ACCOUNT.blob.SUFFIX/CONTAINER[/PREFIX]`, or the path-style form of any other
 * endpoint (Azurite): `http://HOST:PORT/ACCOUNT/CONTAINER[/PREFIX]`.
 * @throws LocationError without a query string or password, which could be secrets.
 */
export function parseContainerLocation(location: string): ContainerLocation {
  const url = URL.canParse(location) ? new URL(location) : null;
  if (url === null) throw new LocationError("it is not a URL");
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    throw new LocationError(
      "it must hold no credentials or query; give a SAS token as AZURE_STORAGE_SAS_TOKEN",
    );
  }
  const segments = decodeSegments(url.pathname);
  const isHostStyle = url.hostname.includes(".blob.");
  if (isHostStyle && url.protocol === "http:" && !url.hostname.endsWith(".localhost")) {
    throw new LocationError(`${url.hostname} must be reached over https`);
  }
  const account = isHostStyle ? url.hostname.split(".")[0] : segments.shift();
  const [container, ...folders] = segments;
  if (account === undefined || container === undefined) {
    throw new LocationError(`${url.origin}${url.pathname} names no container`);
  }
  return {
    account,
    endpoint: isHostStyle ? url.origin : `${url.origin}/${encodeURIComponent(account)}`,
    container,
    prefix: folders.length === 0 ? "" : `${folders.join("/")}/`,
  };
}

/** Decoding refuses a '%' that no two digits follow. */
function decodeSegments(path: string): string[] {
  try {
    return path
      .split("/")
      .filter((segment) => segment !== "")
      .map(decodeURIComponent);
  } catch {
    throw new LocationError("its path has a broken %-escape");
  }
}

/**
 * What publisher and server call the same repository when they wake each other. Folders have no
 * name that holds across machines, so they all share one: a wake is only a hint.
 * @throws LocationError
 */
export function repositoryId(location: string): string {
  if (!isContainerLocation(location)) return "directory";
  const { endpoint, container, prefix } = parseContainerLocation(location);
  return `${endpoint}/${container}/${prefix}`;
}
