// Base models that the server fetches, and those that it could. For who holds an admin key.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';

import { api, result } from '@/api/client';
import type { Pull } from '@/api/types';

import { isMoving } from './shown_pulls';

const LOOK_EVERY_MS = 1_000;

export function useCatalogue() {
  return useQuery({
    queryKey: ['catalogue'],
    queryFn: async ({ signal }) => (await result(api.GET('/api/catalogue', { signal }))).data,
  });
}

// The newest first. It is asked again while something moves: a reload finds what runs.
export function usePulls() {
  return useQuery({
    queryKey: ['pulls'],
    queryFn: async ({ signal }) => (await result(api.GET('/api/pulls', { signal }))).data,
    refetchInterval: (query) => (query.state.data?.some(isMoving) ? LOOK_EVERY_MS : false),
  });
}

// Calls `onDone` with each pull that this page saw moving and that is over now.
export function useFinishedPulls(pulls: readonly Pull[] | undefined, onDone: (pull: Pull) => void) {
  const client = useQueryClient();
  const moving = useRef(new Set<string>());
  useEffect(() => {
    for (const pull of pulls ?? []) {
      if (isMoving(pull)) {
        moving.current.add(pull.id);
      } else if (moving.current.delete(pull.id)) {
        for (const key of ['base-models', 'models', 'catalogue'])
          void client.invalidateQueries({ queryKey: [key] });
        onDone(pull);
      }
    }
  }, [client, pulls, onDone]);
}

function useRenewPulls() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ['pulls'] });
}

export function useCreatePull() {
  const onSuccess = useRenewPulls();
  return useMutation({
    mutationFn: (model: string) => result(api.POST('/api/pulls', { body: { model } })),
    onSuccess,
  });
}

export function useCancelPull() {
  const onSuccess = useRenewPulls();
  return useMutation({
    mutationFn: (id: string) =>
      result(api.POST('/api/pulls/{pull_id}/cancel', { params: { path: { pull_id: id } } })),
    onSuccess,
  });
}
