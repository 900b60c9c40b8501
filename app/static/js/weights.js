/**
 * Weights on a form: net is gross less tare as one types, and the button says what it
 * will log. The server reads the same text anew; nothing here is believed.
 */

const THIN = "\u202f";
const PLACES = { kg: 3, t: 6 };

const plain = (text) =>
  text
    .replace(/[\uff01-\uff5e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
    .replace(/[\s,'\u2019]/g, "");

/** Grams of what was typed; null where it is no weight. */
function grams(text, unit) {
  const found = /^(\d+)(?:\.(\d+))?(kg|公斤|千克|t|吨)?$/i.exec(plain(text));
  if (!found) return null;
  const [, whole, part = "", named] = found;
  const used = named ? (/^(t|吨)$/i.test(named) ? "t" : "kg") : unit;
  const places = PLACES[used];
  if (part.replace(/0+$/, "").length > places) return null;
  return BigInt(whole + part.slice(0, places).padEnd(places, "0"));
}

/** Grams as people read them: thin spaces, no zero that says nothing. */
function shown(mass, unit) {
  const digits = mass.toString().padStart(PLACES[unit] + 1, "0");
  const whole = digits.slice(0, -PLACES[unit]);
  const part = digits.slice(-PLACES[unit]).replace(/0+$/, "");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, THIN);
  return part ? `${spaced}.${part}` : spaced;
}

for (const form of document.querySelectorAll("[data-weights]")) {
  const unit = form.dataset.unit;
  const field = (name) => form.querySelector(`[data-weight="${name}"]`);
  const [gross, tare, net] = ["gross", "tare", "net"].map(field);
  const button = form.querySelector("[data-says]");
  const plainLabel = button?.textContent;
  let worked = net && net.value === "";

  const update = (event) => {
    if (event?.target === net) worked = net.value === "";
    if (gross && tare && net && worked) {
      const [all, empty] = [grams(gross.value, unit), grams(tare.value, unit)];
      const fits = all !== null && empty !== null && all > empty;
      net.value = fits ? shown(all - empty, unit) : "";
    }
    if (!button || !net) return;
    const mass = grams(net.value, unit);
    button.textContent = mass
      ? form.dataset.button.replace("{}", `${shown(mass, unit)}${THIN}${unit}`)
      : plainLabel;
  };
  form.addEventListener("input", update);
  update();
}

/* A form that was opened before the lorry came: its time follows the server's clock
   until somebody sets it. */
const opened = performance.now();
for (const field of document.querySelectorAll("input[data-now]")) {
  let kept = field.form.querySelector("[aria-invalid]") !== null;
  field.addEventListener("input", () => {
    kept = true;
  });
  field.form.addEventListener("submit", () => {
    if (kept) return;
    const moment = new Date(Number(field.dataset.now) + performance.now() - opened);
    const format = {
      timeZone: "Asia/Shanghai",
      dateStyle: "short",
      timeStyle: "medium",
      hourCycle: "h23",
    };
    field.value = moment.toLocaleString("sv-SE", format).replace(" ", "T");
    kept = true;
  });
}
