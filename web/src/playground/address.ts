// The address of the playground with models side by side.
export function playgroundOf(...models: string[]): string {
  return `/playground?${models.map((model) => `model=${encodeURIComponent(model)}`).join('&')}`;
}
