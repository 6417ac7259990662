import { Type } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import { parsePhone, PHONE_RULE } from "../phone.js";
import type { Services } from "../services.js";
import { listStores } from "../stores/stores.js";
import { signedIn } from "./merchant-area.js";
import { enterCodePage, signInPage } from "./pages.js";
import { addressSubject } from "./rate-limits.js";
import {
  clearChallengeCookie,
  clearSessionCookie,
  readChallengeCookie,
  readSessionCookie,
  setChallengeCookie,
  setSessionCookie,
} from "./session-cookie.js";

/** Signing in: a phone number, then the code that was sent to it. */
export function registerSignInRoutes(app: App, services: Services): void {
  const { db, environment, layout, sessions, signInCodes } = services;
  const isLogged = environment.sms === "log";

  app.get("/login", (_request, reply) => sendPrivatePage(reply, signInPage(layout)));

  const phoneBody = Type.Object({ phone: Type.String() });
  app.post("/login", { schema: { body: phoneBody } }, async (request, reply) => {
    const phone = parsePhone(request.body.phone);
    const refuse = (error: string) => sendPrivatePage(reply, signInPage(layout, request.body.phone, error));
    if (!phone) {
      reply.code(422);
      return refuse(PHONE_RULE);
    }
    const challenge = await signInCodes.send(phone, addressSubject(request.ip));
    if (typeof challenge === "object") {
      tooMany(reply, challenge.waitSeconds);
      return refuse(`Too many codes were asked for. Please wait ${inWords(challenge.waitSeconds)}.`);
    }
    setChallengeCookie(reply, environment, challenge);
    return reply.redirect("/login/code", 303);
  });

  app.get("/login/code", async (request, reply) => {
    const challenge = readChallengeCookie(request, environment);
    const phone = challenge === undefined ? undefined : await signInCodes.awaited(challenge);
    if (phone === undefined) return reply.redirect("/login", 303);
    return sendPrivatePage(reply, enterCodePage(layout, phone, isLogged));
  });

  const codeBody = Type.Object({ code: Type.String() });
  app.post("/login/code", { schema: { body: codeBody } }, async (request, reply) => {
    const challenge = readChallengeCookie(request, environment);
    if (challenge === undefined) return reply.redirect("/login", 303);
    const code = request.body.code.replaceAll(/\s/g, "");
    const entered = await signInCodes.enter(challenge, code, addressSubject(request.ip));

    if (typeof entered === "object" && "token" in entered) {
      const earlier = readSessionCookie(request, environment);
      if (earlier !== undefined) await sessions.closeToken(earlier);
      clearChallengeCookie(reply, environment);
      setSessionCookie(reply, environment, entered.token);
      const [first, ...others] = await listStores(db, entered.merchantId);
      return reply.redirect(first && others.length === 0 ? `/admin/${first.slug}` : "/stores", 303);
    }
    const phone = entered === "ended" ? undefined : await signInCodes.awaited(challenge);
    if (phone === undefined) {
      reply.code(422);
      return sendPrivatePage(
        reply,
        signInPage(layout, "", "That code cannot be used any more. Please ask for a new one."),
      );
    }
    if (typeof entered === "object") {
      tooMany(reply, entered.waitSeconds);
      const error = `Too many codes were tried. Please wait ${inWords(entered.waitSeconds)}.`;
      return sendPrivatePage(reply, enterCodePage(layout, phone, isLogged, error));
    }
    reply.code(422);
    return sendPrivatePage(
      reply,
      enterCodePage(layout, phone, isLogged, "This is not the code that we sent. Please check it."),
    );
  });
}

/** Signing out, here or on every device; routes of the merchant area. */
export function registerSignOutRoutes(area: App, { environment, sessions }: Services): void {
  area.post("/logout", async (request, reply) => {
    await sessions.close(signedIn(request).sessionId);
    clearSessionCookie(reply, environment);
    return reply.redirect("/", 303);
  });

  area.post("/logout/everywhere", async (request, reply) => {
    await sessions.closeAll(signedIn(request).merchantId);
    clearSessionCookie(reply, environment);
    return reply.redirect("/", 303);
  });
}

function tooMany(reply: FastifyReply, waitSeconds: number): void {
  reply.code(429).header("retry-after", String(waitSeconds));
}

function inWords(seconds: number): string {
  if (seconds < 120) return `${seconds} seconds`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}
