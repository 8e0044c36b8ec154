import { QueryClient } from '@tanstack/react-query';

import { isPassing } from './error';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      // A server that restarts is back within seconds; what it refused it will refuse again.
      retry: (failures, error) => isPassing(error) && failures < 5,
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 5_000),
    },
  },
});
