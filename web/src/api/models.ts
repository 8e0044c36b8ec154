import { useQuery } from '@tanstack/react-query';

import { api, result } from './client';

// Bases with their aliases, and what jobs made.
export function useModels() {
  return useQuery({
    queryKey: ['models'],
    queryFn: async ({ signal }) => (await result(api.GET('/v1/models', { signal }))).data,
    staleTime: 10_000,
  });
}
