// The frame of the dashboard: who is there, which page it is, language and appearance.

import { h, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import htm from "htm";

import { ApiError, get, getKey, setKey, takeKeyFromAddress } from "./api.js";
import { chooseLanguage, currentLanguage, LANGUAGES, t } from "./words.js";
import { TasksPage } from "./tasks.js";
import { TaskPage } from "./task.js";
import { QueuesPage } from "./queues.js";
import { RecordsPage } from "./records.js";

const html = htm.bind(h);

const THEMES = ["auto", "light", "dark"];

function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  localStorage.setItem("filas.theme", theme);
}

/** `#/task/ID/row/7` as ["task", "ID", "row", "7"]. */
const place = () => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);

function usePlace() {
  const [where, setWhere] = useState(place());
  useEffect(() => {
    const moved = () => setWhere(place());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return where;
}

function SignIn({ onKey }) {
  const [error, setError] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setKey(new FormData(event.target).get("key").trim());
    try {
      await get("/v1/tasks?limit=1");
      onKey();
    } catch (problem) {
      setKey(null);
      setError(problem instanceof ApiError && problem.status === 401 ? t("badkey") : problem.message);
    }
  };
  return html`
    <form class="panel narrow" onSubmit=${submit}>
      <h1>${t("welcome")}</h1>
      <label for="key">${t("keylabel")}</label>
      <input id="key" name="key" type="password" autocomplete="off" required aria-describedby="keyhelp" />
      <p id="keyhelp" class="quiet">${t("keyhelp")}</p>
      ${error && html`<p class="error" role="alert">${error}</p>`}
      <button class="main">${t("open")}</button>
    </form>
  `;
}

function Header({ where, onLanguage, signedIn, onSignOut }) {
  const [theme, setTheme] = useState(localStorage.getItem("filas.theme") || "auto");
  const here = where[0] || "tasks";
  const link = (name, label) =>
    html`<a href="#/${name}" aria-current=${here === name || (name === "tasks" && here === "task") ? "page" : undefined}>${label}</a>`;
  return html`
    <header>
      <a class="skip" href="#content" onClick=${(event) => {
        event.preventDefault();
        document.getElementById("content").focus();
      }}>${t("skip")}</a>
      <span class="brand">Filas</span>
      ${signedIn && html`<nav aria-label="Filas">${link("tasks", t("tasks"))} ${link("queues", t("queues"))} ${link("records", t("records"))}</nav>`}
      <div class="settings">
        <label><span class="hidden">${t("language")}</span>
          <select id="language" value=${currentLanguage()} onChange=${(event) => onLanguage(event.target.value)}>
            ${Object.entries(LANGUAGES).map(([code, name]) => html`<option value=${code} lang=${code} selected=${code === currentLanguage()}>${name}</option>`)}
          </select>
        </label>
        <label><span class="hidden">${t("theme")}</span>
          <select id="theme" value=${theme} onChange=${(event) => {
            applyTheme(event.target.value);
            setTheme(event.target.value);
          }}>
            ${THEMES.map((name) => html`<option value=${name} selected=${name === theme}>${t(name)}</option>`)}
          </select>
        </label>
        ${signedIn && html`<button onClick=${onSignOut}>${t("signout")}</button>`}
      </div>
    </header>
  `;
}

function Page({ where }) {
  switch (where[0]) {
    case "task":
      return html`<${TaskPage} key=${where[1]} id=${where[1]} row=${where[2] === "row" ? where[3] : null} />`;
    case "queues":
      return html`<${QueuesPage} />`;
    case "records":
      return html`<${RecordsPage} pipeline=${where[1]} />`;
    default:
      return html`<${TasksPage} />`;
  }
}

function App() {
  const where = usePlace();
  const [signedIn, setSignedIn] = useState(Boolean(getKey()));
  // Every text is asked for anew when the language changes.
  const [language, setLanguage] = useState(currentLanguage());
  const choose = (wanted) => {
    chooseLanguage(wanted);
    setLanguage(currentLanguage());
  };
  return html`
    <div lang=${language}>
      <${Header} where=${where} onLanguage=${choose} signedIn=${signedIn} onSignOut=${() => {
        setKey(null);
        setSignedIn(false);
      }} />
      <main id="content" tabindex="-1">
        ${signedIn ? html`<${Page} where=${where} />` : html`<${SignIn} onKey=${() => setSignedIn(true)} />`}
      </main>
    </div>
  `;
}

applyTheme(localStorage.getItem("filas.theme") || "auto");
takeKeyFromAddress();
render(html`<${App} />`, document.getElementById("app"));
