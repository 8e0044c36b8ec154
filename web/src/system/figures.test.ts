import { describe, expect, it } from 'vitest';

import { rateBetween, readRequests } from './figures';

const TEXT = `# TYPE hone_http_requests_total counter
hone_http_requests_total{method="GET",route="/metrics",status="200"} 5
hone_http_requests_total{method="POST",route="/v1/chat/completions",status="503"} 2
hone_http_request_seconds_count{method="GET",route="/metrics"} 99
`;

describe('requests', () => {
  it('are counted over all routes', () => {
    expect(readRequests(TEXT, 7)).toEqual({ at: 7, answered: 7, refused: 2 });
  });

  it('have a rate between two looks, unless the server began anew', () => {
    const before = { at: 10, answered: 100, refused: 0 };
    expect(rateBetween(before, { at: 14, answered: 120, refused: 0 })).toBe(5);
    expect(rateBetween(before, { at: 14, answered: 3, refused: 0 })).toBeNull();
  });
});
