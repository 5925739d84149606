/**
 * A setting that cannot be used. The message is one line for the operator: which setting, where it
 * came from, what was expected and what came. It never holds the value of a secret.
 */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConfigError";
  }
}
