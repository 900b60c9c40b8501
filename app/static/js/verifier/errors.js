/**
 * What can be wrong, by its code: the same codes as every other verifier of this log
 * gives (ledger/error_codes.py says what each means). Words for people are the page's.
 */

export class LedgerError extends Error {
  /**
   * @param {string} code such as "inclusion.root"
   * @param {string} place such as "entry 5", where there is one
   */
  constructor(code, place = "") {
    super(place ? `${place}: ${code}` : code);
    this.name = "LedgerError";
    this.code = code;
    this.place = place;
  }
}

export function refuse(code, place = "") {
  throw new LedgerError(code, place);
}

/** The same refusal with another code, or with the place added. */
export function within(error, place, code = undefined) {
  if (!(error instanceof LedgerError)) throw error;
  throw new LedgerError(code ?? error.code, place || error.place);
}

/** What a function gives; what it refuses is refused with one code for all reasons. */
export function orRefuse(code, work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof LedgerError) throw new LedgerError(code, error.place);
    throw error;
  }
}
