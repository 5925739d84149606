/** Of a job that failed; why stands in its failure.json. */
export const EXIT_FAILED = 1;
/** EX_TEMPFAIL of sysexits.h: not even the failure could be written, and another try may succeed. */
export const EXIT_AGAIN = 75;
