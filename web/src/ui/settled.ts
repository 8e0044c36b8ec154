import { useEffect, useState } from 'react';

const QUIET_MS = 200;

// The value once it has stood for a moment: what is typed is not asked for letter by letter.
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), QUIET_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
