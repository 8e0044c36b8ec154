// The system as data: what the server runs on, its requests, the project's keys.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api, fetchRaw, result } from '@/api/client';
import { ApiError } from '@/api/error';
import type { ApiKey } from '@/api/types';

import { rateBetween, readRequests, type Requests } from './figures';

const LOOK_EVERY_MS = 3_000;
const KEYS = 20;

export function useSystem() {
  return useQuery({
    queryKey: ['system'],
    queryFn: ({ signal }) => result(api.GET('/api/system', { signal })),
    refetchInterval: LOOK_EVERY_MS,
  });
}

export interface Throughput {
  requests: Requests;
  perSecond: number | null; // null: it takes two looks
}

export function useThroughput() {
  const client = useQueryClient();
  return useQuery({
    queryKey: ['throughput'],
    queryFn: async ({ signal }): Promise<Throughput> => {
      const response = await fetchRaw('/metrics', { signal });
      const requests = readRequests(await response.text(), Date.now() / 1000);
      const before = client.getQueryData<Throughput>(['throughput']);
      return { requests, perSecond: before ? rateBetween(before.requests, requests) : null };
    },
    refetchInterval: LOOK_EVERY_MS,
  });
}

// Only an admin sees keys.
export const isForbidden = (error: unknown) => error instanceof ApiError && error.status === 403;

export function useKeys() {
  return useInfiniteQuery({
    queryKey: ['keys'],
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const query = { limit: KEYS, ...(pageParam === '' ? {} : { after: pageParam }) };
      return result(api.GET('/api/keys', { params: { query }, signal }));
    },
    getNextPageParam: (page) =>
      page.has_more ? (page.data.at(-1) as ApiKey | undefined)?.id : undefined,
    select: (data) => data.pages.flatMap((page) => page.data as ApiKey[]),
  });
}

export const roles = ['viewer', 'member', 'admin'] as const;
export type KeyRole = (typeof roles)[number];

export interface NewKey {
  name: string;
  role: KeyRole;
  days: number | null; // until it expires; null: never
}

function useRenewKeys() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ['keys'] });
}

export function useCreateKey() {
  const onSuccess = useRenewKeys();
  return useMutation({
    mutationFn: ({ name, role, days }: NewKey) => {
      const expires = days === null ? null : Math.floor(Date.now() / 1000) + days * 86_400;
      return result(api.POST('/api/keys', { body: { name, role, expires_at: expires } }));
    },
    onSuccess,
  });
}

export function useRevokeKey() {
  const onSuccess = useRenewKeys();
  return useMutation({
    mutationFn: (id: string) =>
      result(api.DELETE('/api/keys/{key_id}', { params: { path: { key_id: id } } })),
    onSuccess,
  });
}
