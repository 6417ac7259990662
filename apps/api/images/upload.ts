import { Busboy } from "@fastify/busboy";
import type { FastifyRequest } from "fastify";
import { pipeline } from "node:stream/promises";
import { Problem } from "../http/problem.js";

/** Largest picture that is taken, in bytes. nginx refuses what is larger than that and the form around it. */
export const PICTURE_MAX_BYTES = 10 * 1024 * 1024;

/** A form with a picture: its texts, and the picture's bytes (none when no file was chosen). */
export interface UploadForm {
  [field: string]: string | Buffer;
  picture: Buffer;
}

/**
 * Reads a form with one picture into memory, as the body of the request; it stops as soon as something is too large.
 * The names of the file and of its type are not looked at: they say nothing.
 */
export async function readUpload(
  request: FastifyRequest,
  payload: NodeJS.ReadableStream,
): Promise<UploadForm> {
  const fields: Record<string, string> = {};
  const chunks: Buffer[] = [];
  let problem: Problem | undefined;
  const contentType = request.headers["content-type"] ?? "";
  const busboy = (() => {
    try {
      return new Busboy({
        headers: { ...request.headers, "content-type": contentType },
        limits: { fileSize: PICTURE_MAX_BYTES, files: 1, fields: 8, fieldSize: 4_096, parts: 9 },
      });
    } catch {
      throw malformed();
    }
  })();
  busboy.on("field", (name, value, _nameTruncated, valueTruncated) => {
    if (valueTruncated) problem ??= tooLarge();
    else fields[name] = value;
  });
  busboy.on("file", (_name, stream) => {
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("limit", () => {
      problem ??= tooLarge();
      chunks.length = 0;
    });
  });
  for (const limit of ["filesLimit", "fieldsLimit", "partsLimit"] as const)
    busboy.on(limit, () => (problem ??= malformed()));
  try {
    await pipeline(payload, busboy);
  } catch {
    throw problem ?? malformed();
  }
  if (problem) throw problem;
  return { ...fields, picture: Buffer.concat(chunks) };
}

function malformed(): Problem {
  return new Problem(400, "bad-request", "This is not a form with one picture.");
}

function tooLarge(): Problem {
  return new Problem(413, "too-large", "The picture is larger than 10 MB. Please make it smaller.");
}
