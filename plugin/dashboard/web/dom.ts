/** A new element with its text or children. */
export const element = <K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

/** Touches the document only where something changed. */
export const setText = (node: HTMLElement, text: string): void => {
  if (node.textContent !== text) node.textContent = text;
};

/** One of several: radio buttons in a row, so that arrow keys and screen readers know them. */
export function choice<Value extends string>(
  legend: string,
  options: readonly (readonly [value: Value, label: string])[],
  chosen: Value,
  onChoose: (value: Value) => void,
): { element: HTMLFieldSetElement; labels: ReadonlyMap<Value, HTMLElement> } {
  const labels = new Map<Value, HTMLElement>();
  const group = element('fieldset', { className: 'choice' }, element('legend', {}, legend));
  for (const [value, text] of options) {
    const input = element('input', { type: 'radio', name: legend, value, checked: value === chosen });
    input.addEventListener('change', () => onChoose(value));
    const label = element('span', {}, text);
    labels.set(value, label);
    group.append(element('label', {}, input, label));
  }
  return { element: group, labels };
}
