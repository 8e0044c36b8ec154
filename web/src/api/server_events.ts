// Server-sent events, read from a fetch: the browser's own EventSource cannot send a key.

export interface ServerEvent {
  event: string; // "message" where the server named none
  id: string; // the last that was given
  data: string;
}

// Cuts text that comes in any pieces into events, as the HTML standard says.
export class EventParser {
  private rest = '';
  private event = '';
  private id = '';
  private data: string[] = [];

  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (this.data.length > 0)
          events.push({ event: this.event || 'message', id: this.id, data: this.data.join('\n') });
        this.event = '';
        this.data = [];
      } else {
        this.takeField(line);
      }
    }
    return events;
  }

  private takeField(line: string) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.event = value;
    else if (name === 'data') this.data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.id = value;
  }
}

// The events of an answer, those of one network piece together, until it ends. A piece without any
// is a sign of life.
export async function* readEvents(response: Response): AsyncGenerator<ServerEvent[]> {
  if (!response.body) return;
  const parser = new EventParser();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield parser.push(value);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
