// What is said, in English and Spanish. `t("key", {name: value})` gives the text of the language that was chosen.

const TEXTS = {
  en: {
    title: "Filas", tasks: "Tasks", queues: "Queues", records: "Records", language: "Language", theme: "Appearance",
    auto: "as the system", light: "light", dark: "dark", skip: "Skip to the content", signout: "Forget the key",
    welcome: "Sign in", keylabel: "API key", keyhelp: "It stays in this tab and is sent to this API only.", open: "Open",
    badkey: "This key is not known here.", live: "live", polling: "asking again and again", connecting: "connecting",
    upload: "Send a file", drop: "Drop a spreadsheet here, or choose one", formats: "xlsx, xlsb, xls, ods, csv, tsv, ndjson, JSON",
    pipeline: "Pipeline", options: "More", sheet: "Sheet (name or number)", batchsize: "Rows in a batch", send: "Send it",
    sending: "Sending: {percent}", another: "Choose another file", checking: "Looking at the first rows…",
    checked: "First rows: {passed} would pass, {failed} would fail", interrupted: "Of {rows} it is not known.",
    fetching: "Fetching the file…", checklarge: "This file is too large to be looked at before it is sent.", row: "Row", outcome: "Outcome", values: "Values",
    passed: "passes", failed: "fails", unknown: "not known", none: "There are no tasks yet.", file: "File", state: "State",
    rows: "Rows", succeeded: "Succeeded", failedrows: "Failed", unprocessed: "Unprocessed", created: "Created",
    rate: "Rows a second", left: "Time left", progress: "Progress", of: "{done} of {total} rows", pause: "Pause",
    resume: "Go on", cancel: "Cancel", cancelsure: "Cancel the task? Rows that were not tried stay unprocessed.",
    redrivedead: "Put dead batches through again", redrivefailed: "Put failed rows through again",
    downloadfailed: "Download the failed rows", downloadall: "Download all outcomes", batches: "Batches",
    batch: "Batch {number}", batchcell: "Batch {number}: {state}, rows {first} to {last}", attempts: "Attempts",
    attempt: "Attempt", worker: "Worker", started: "Started", ended: "Ended", result: "Result", error: "Error",
    choosebatch: "Choose a batch to see who worked on it. Arrow keys move between batches.", nobody: "Nobody has taken it yet.",
    throughput: "Rows a second over time", failuretime: "failed", alltime: "with an outcome",
    chartsummary: "{rows} rows in {seconds}; {failed} failed.", failures: "Failures by code", code: "Code", count: "Rows",
    examples: "Examples", loading: "Loading…", nofailures: "No row has failed.", again: "{rows} rows go through again.",
    queue: "Queue", visible: "Waiting", inflight: "In work", delayed: "Delayed", dead: "Dead letters",
    record: "Record", key: "Key", stored: "Stored", source: "Made by", sourcerow: "task {task}, row {row}",
    norecords: "This pipeline has stored no records.", more: "More", missing: "There is no such task.", back: "All tasks",
    earlier: "Earlier batches", later: "Later batches", reason: "Why", close: "Close", rowtitle: "Row {row}",
    queued: "queued", processing: "processing", parked: "parked", done: "done", donefailed: "done with failures",
    deadbatch: "dead", cancelledbatch: "cancelled", notavailable: "This installation does not offer this.",
    s_awaiting_upload: "awaiting upload", s_splitting: "reading the file", s_processing: "processing", s_paused: "paused",
    s_cancelling: "cancelling", s_completed: "completed", s_completed_with_failures: "completed with failures",
    s_failed: "failed", s_cancelled: "cancelled", s_expired: "expired", offline: "No answer. Trying again.",
  },
  es: {
    title: "Filas", tasks: "Tareas", queues: "Colas", records: "Registros", language: "Idioma", theme: "Aspecto",
    auto: "como el sistema", light: "claro", dark: "oscuro", skip: "Ir al contenido", signout: "Olvidar la clave",
    welcome: "Entrar", keylabel: "Clave de la API", keyhelp: "Se queda en esta pestaña y solo se envía a esta API.", open: "Abrir",
    badkey: "Aquí no se conoce esta clave.", live: "en directo", polling: "preguntando cada poco", connecting: "conectando",
    upload: "Enviar un archivo", drop: "Suelta aquí una hoja de cálculo o elige una", formats: "xlsx, xlsb, xls, ods, csv, tsv, ndjson, JSON",
    pipeline: "Proceso", options: "Más", sheet: "Hoja (nombre o número)", batchsize: "Filas por lote", send: "Enviar",
    sending: "Enviando: {percent}", another: "Elegir otro archivo", checking: "Mirando las primeras filas…",
    checked: "Primeras filas: {passed} pasarían, {failed} fallarían", interrupted: "De {rows} no se sabe.",
    fetching: "Trayendo el archivo…", checklarge: "El archivo es demasiado grande para mirarlo antes de enviarlo.", row: "Fila", outcome: "Resultado", values: "Valores",
    passed: "pasa", failed: "falla", unknown: "no se sabe", none: "Todavía no hay tareas.", file: "Archivo", state: "Estado",
    rows: "Filas", succeeded: "Correctas", failedrows: "Fallidas", unprocessed: "Sin procesar", created: "Creada",
    rate: "Filas por segundo", left: "Tiempo restante", progress: "Avance", of: "{done} de {total} filas", pause: "Pausar",
    resume: "Continuar", cancel: "Cancelar", cancelsure: "¿Cancelar la tarea? Las filas no intentadas quedan sin procesar.",
    redrivedead: "Repetir los lotes muertos", redrivefailed: "Repetir las filas fallidas",
    downloadfailed: "Descargar las filas fallidas", downloadall: "Descargar todos los resultados", batches: "Lotes",
    batch: "Lote {number}", batchcell: "Lote {number}: {state}, filas {first} a {last}", attempts: "Intentos",
    attempt: "Intento", worker: "Trabajador", started: "Inicio", ended: "Fin", result: "Resultado", error: "Error",
    choosebatch: "Elige un lote para ver quién lo trabajó. Las flechas mueven entre lotes.", nobody: "Nadie lo ha tomado todavía.",
    throughput: "Filas por segundo en el tiempo", failuretime: "fallidas", alltime: "con resultado",
    chartsummary: "{rows} filas en {seconds}; {failed} fallidas.", failures: "Fallos por código", code: "Código", count: "Filas",
    examples: "Ejemplos", loading: "Cargando…", nofailures: "No ha fallado ninguna fila.", again: "{rows} filas pasan otra vez.",
    queue: "Cola", visible: "En espera", inflight: "En curso", delayed: "Retrasados", dead: "Mensajes muertos",
    record: "Registro", key: "Clave", stored: "Guardado", source: "Hecho por", sourcerow: "tarea {task}, fila {row}",
    norecords: "Este proceso no ha guardado registros.", more: "Más", missing: "No existe esa tarea.", back: "Todas las tareas",
    earlier: "Lotes anteriores", later: "Lotes siguientes", reason: "Motivo", close: "Cerrar", rowtitle: "Fila {row}",
    queued: "en cola", processing: "en proceso", parked: "aparcado", done: "hecho", donefailed: "hecho con fallos",
    deadbatch: "muerto", cancelledbatch: "cancelado", notavailable: "Esta instalación no lo ofrece.",
    s_awaiting_upload: "esperando el archivo", s_splitting: "leyendo el archivo", s_processing: "en proceso", s_paused: "en pausa",
    s_cancelling: "cancelando", s_completed: "completada", s_completed_with_failures: "completada con fallos",
    s_failed: "fallida", s_cancelled: "cancelada", s_expired: "caducada", offline: "Sin respuesta. Probando otra vez.",
  },
};

export const LANGUAGES = { en: "English", es: "Español" };

const known = (language) => (language in TEXTS ? language : "en");
let language = known(localStorage.getItem("filas.language") || navigator.language.slice(0, 2));
document.documentElement.lang = language;

export const currentLanguage = () => language;

export function chooseLanguage(wanted) {
  language = known(wanted);
  localStorage.setItem("filas.language", language);
  document.documentElement.lang = language;
}

export function t(key, values = {}) {
  const text = TEXTS[language][key] ?? TEXTS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const number = (value) => (value == null ? "–" : new Intl.NumberFormat(language).format(value));

export const rate = (value) =>
  value == null ? "–" : new Intl.NumberFormat(language, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);

export const percent = (part) =>
  new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(part);

export function moment(text) {
  if (!text) return "–";
  return new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" }).format(new Date(text));
}

export function seconds(value) {
  if (value == null) return "–";
  if (value < 10) return `${new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value)} s`;
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export const stateName = (state) => t(`s_${state}`);
