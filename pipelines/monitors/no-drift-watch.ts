/** Of a version that was not trained here: its training data are not known, and nothing stands in for them. */
export const NO_DRIFT_WATCH =
  "drift is not watched: it was not trained here, so there are no reference rows";
