/** What an older run still counts, per later run: about the last 20 decide. */
const KEEP = 0.95;
/** Spread of rows below which a slope would be read out of noise. */
const MIN_VARIANCE = 0.01;

/**
 * Learns what a run of `rows` rows costs: slope * rows + base, in microseconds, by least squares
 * over recent runs. Pure; one instance a shape class and thread.
 */
export class CostModel {
  #weight = 0;
  #meanRows = 0;
  #meanUs = 0;
  #variance = 0;
  #covariance = 0;
  #mostRows = 0;
  #slopeUs = 0;
  #baseUs = 0;

  forget(): void {
    this.#weight = 0;
    this.#meanRows = 0;
    this.#meanUs = 0;
    this.#variance = 0;
    this.#covariance = 0;
    this.#mostRows = 0;
  }

  learn(rows: number, costUs: number): void {
    // Weighted incremental mean and variance: T. Finch, "Incremental calculation of weighted mean
    // and variance", 2009, section 9. Sums of squares would lose the last digits.
    this.#weight = KEEP * this.#weight + 1;
    const share = 1 / this.#weight;
    const rowsOff = rows - this.#meanRows;
    const costOff = costUs - this.#meanUs;
    this.#meanRows += share * rowsOff;
    this.#meanUs += share * costOff;
    this.#variance = (1 - share) * (this.#variance + share * rowsOff * rowsOff);
    this.#covariance = (1 - share) * (this.#covariance + share * rowsOff * costOff);
    if (rows > this.#mostRows) this.#mostRows = rows;
    this.#fit();
  }

  /**
   * Microseconds; Infinity before the first run. Beyond the most rows seen, cost is taken to grow
   * with the rows, which is more than a line with a base would say.
   */
  predictUs(rows: number): number {
    if (this.#weight === 0) return Number.POSITIVE_INFINITY;
    const most = this.#mostRows;
    if (rows <= most) return this.#baseUs + this.#slopeUs * rows;
    return ((this.#baseUs + this.#slopeUs * most) * rows) / Math.max(1, most);
  }

  /** Null before the first run. */
  get line(): {
    readonly baseUs: number;
    readonly slopeUs: number;
    readonly maxRows: number;
  } | null {
    if (this.#weight === 0) return null;
    return { baseUs: this.#baseUs, slopeUs: this.#slopeUs, maxRows: this.#mostRows };
  }

  #fit(): void {
    const slope = this.#variance < MIN_VARIANCE ? 0 : this.#covariance / this.#variance;
    // More rows never cost less, and none never less than nothing: noise says so at times.
    const most = this.#meanRows > 0 ? this.#meanUs / this.#meanRows : 0;
    this.#slopeUs = Math.min(Math.max(0, slope), most);
    this.#baseUs = this.#meanUs - this.#slopeUs * this.#meanRows;
  }
}
