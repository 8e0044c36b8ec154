import { useQuery } from '@tanstack/react-query';

import { api, result } from './client';

// The models that jobs can start from.
export function useBaseModels() {
  return useQuery({
    queryKey: ['base-models'],
    queryFn: async ({ signal }) => (await result(api.GET('/api/base_models', { signal }))).data,
    staleTime: 10_000,
  });
}

// Bases with their aliases, and what jobs made.
export function useModels() {
  return useQuery({
    queryKey: ['models'],
    queryFn: async ({ signal }) => (await result(api.GET('/v1/models', { signal }))).data,
    staleTime: 10_000,
  });
}

// The models of the list under one name each: what client code calls "gpt-4o-mini" is a base here.
export function useOwnModels() {
  const { data: bases } = useBaseModels();
  const models = useModels();
  const aliases = bases?.flatMap((base) => base.aliases) ?? [];
  return { ...models, data: models.data?.filter((model) => !aliases.includes(model.id)) };
}
