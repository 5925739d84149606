/** A WebSocket as the session sees it; each listener has its own. Every call after the end is a no-op. */
export interface StreamSocket {
  /** Queues one text frame. */
  sendText(text: Uint8Array): void;
  /** Bytes queued because the client does not read. */
  bufferedBytes(): number;
  /** Resolves when nothing waits to be sent, or the connection is gone. */
  flushed(): Promise<void>;
  /** Starts the closing handshake after what is queued. */
  close(code: number, reason: string): void;
}
