import { Writable } from "node:stream";

/** Keeps what a logger writes, line by line. */
export class LogStream extends Writable {
  readonly lines: string[] = [];

  override _write(line: Buffer, _encoding: string, done: () => void): void {
    this.lines.push(String(line));
    done();
  }
}
