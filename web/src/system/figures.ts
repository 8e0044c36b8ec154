// Reading what /metrics says, in Prometheus's text format.

export interface Requests {
  at: number; // Unix seconds
  answered: number;
  refused: number; // of them, with 429 or 5xx
}

const ANSWERS = /^hone_http_requests_total\{[^}]*status="(\d+)"[^}]*\} (\d+)$/gm;

export function readRequests(text: string, at: number): Requests {
  const requests: Requests = { at, answered: 0, refused: 0 };
  for (const [, status = '', count = ''] of text.matchAll(ANSWERS)) {
    requests.answered += Number(count);
    if (status === '429' || status.startsWith('5')) requests.refused += Number(count);
  }
  return requests;
}

// Requests a second between two looks; null where the server began anew or no time passed.
export function rateBetween(before: Requests, after: Requests): number | null {
  const seconds = after.at - before.at;
  const more = after.answered - before.answered;
  return seconds <= 0 || more < 0 ? null : more / seconds;
}
