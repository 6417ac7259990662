// Shows what GET /live says, again each second while the page is looked at. The token stays in this tab.
const intervalMs = 1000;
const element = (id) => document.getElementById(id);

/** A link may hand the token over behind "#token=": that part never leaves the browser, and is taken away at once. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const { text, status } = typeof cell === "object" ? cell : { text: cell };
    const data = document.createElement("td");
    data.textContent = text;
    if (status) data.dataset.status = status;
    line.append(data);
  }
  return line;
}

const time = (at) => new Date(at).toLocaleTimeString();
const worst = (level) => (level >= 50 ? "error" : undefined);

function show({ servers, networks, actions, log }) {
  element("servers").replaceChildren(
    ...servers.map((one) =>
      row([
        one.name,
        { text: one.status, status: one.status },
        one.type,
        one.location,
        one.public,
        one.private.join(", "),
      ]),
    ),
  );
  element("networks").replaceChildren(
    ...networks.map((one) => row([one.name, one.ip_range, one.servers.join(", ")])),
  );
  element("actions").replaceChildren(
    ...actions.map((one) => {
      const text = one.status === "running" ? `${one.progress} %` : one.status;
      return row([
        time(one.started),
        one.command,
        one.on.join(", "),
        { text, status: one.status },
        one.error,
      ]);
    }),
  );
  element("log").replaceChildren(
    ...log.toReversed().map((one) => row([time(one.time), { text: one.message, status: worst(one.level) }])),
  );
}

function ask(message) {
  sessionStorage.removeItem("token");
  element("shown").hidden = true;
  element("enter").hidden = false;
  element("state").textContent = message;
  element("token").focus();
}

async function look() {
  const token = sessionStorage.getItem("token");
  if (!token) return ask("");
  if (document.hidden) return;
  try {
    const answer = await fetch("live", { headers: { authorization: `Bearer ${token}` } });
    if (answer.status === 401) return ask("This is not the token of this cloud.");
    if (!answer.ok) throw new Error(`${answer.status}`);
    show(await answer.json());
    element("enter").hidden = true;
    element("shown").hidden = false;
    element("state").textContent = "";
  } catch {
    element("state").textContent = "The local cloud does not answer; trying again.";
  }
}

element("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  // A header can carry nothing else; whoever pastes more hears that it is no token.
  sessionStorage.setItem(
    "token",
    element("token")
      .value.trim()
      .replaceAll(/[^\x21-\x7e]/g, "?"),
  );
  element("token").value = "";
  void look();
});

takeToken();
await look();
setInterval(() => {
  if (sessionStorage.getItem("token")) void look();
}, intervalMs);
