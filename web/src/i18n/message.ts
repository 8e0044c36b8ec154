// A message, or its forms by number: a sentence about 2 things is another one than about 5 in some
// languages.
export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };
export type Message = string | Plural;
export type Parameters = Record<string, string | number>;

// Fills in {names}. A Plural is chosen by the parameter `count`. Numbers are written as the locale
// does.
export function formatMessage(message: Message, locale: string, parameters: Parameters): string {
  let text: string;
  if (typeof message === 'string') {
    text = message;
  } else {
    const rule = new Intl.PluralRules(locale).select(Number(parameters['count'] ?? 0));
    text = message[rule] ?? message.other;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? value.toLocaleString(locale) : value;
  });
}
