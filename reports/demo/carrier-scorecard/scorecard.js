const number = new Intl.NumberFormat("en-GB");
const point = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" });
let carriers = [];
let order = { key: "gap", direction: -1 };

const cell = (text, name) => {
  const td = document.createElement("td");
  td.textContent = text;
  if (name) td.className = name;
  return td;
};

const draw = () => {
  const { key, direction } = order;
  carriers.sort((a, b) => direction * (a[key] > b[key] ? 1 : a[key] < b[key] ? -1 : 0));
  document.querySelector("tbody").replaceChildren(...carriers.map((one) => {
    const row = document.createElement("tr");
    row.append(
      cell(one.name), cell(number.format(one.parcels).replaceAll(",", "\u00a0")), cell(`${one.onTime.toFixed(1)} %`),
      cell(`${one.target.toFixed(1)} %`), cell(point.format(one.gap).replace("-", "−"), one.gap < 0 ? "missed" : ""), cell(`${one.damaged.toFixed(1)} ‰`),
    );
    return row;
  }));
  for (const button of document.querySelectorAll("th button")) {
    const header = button.parentElement;
    if (button.dataset.key === key) header.setAttribute("aria-sort", direction < 0 ? "descending" : "ascending");
    else header.removeAttribute("aria-sort");
  }
};

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const key = button.dataset.key;
    order = { key, direction: order.key === key ? -order.direction : -1 };
    draw();
  });
}

const answer = await fetch("carriers.json");
carriers = (await answer.json()).map((one) => ({ ...one, gap: one.onTime - one.target }));
draw();
