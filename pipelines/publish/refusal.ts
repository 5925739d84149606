/** What was asked for cannot be done, whoever asks again; nothing was made visible. */
export class PublishRefusal extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PublishRefusal";
  }
}
