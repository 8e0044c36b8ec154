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

const ofProject = (project: string | undefined): { project_id?: string } =>
  project === undefined ? {} : { project_id: project };

// Of a project; undefined: of the one of the key that asks.
export function useKeys(project: string | undefined) {
  return useInfiniteQuery({
    queryKey: ['keys', project ?? ''],
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const after = pageParam === '' ? {} : { after: pageParam };
      const query = { limit: KEYS, ...after, ...ofProject(project) };
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
  project: string | undefined;
  name: string;
  role: KeyRole;
  days: number | null; // until it expires; null: never
}

function useRenewKeys() {
  const client = useQueryClient();
  return () =>
    Promise.all(['keys', 'projects'].map((name) => client.invalidateQueries({ queryKey: [name] })));
}

export function useCreateKey() {
  const onSuccess = useRenewKeys();
  return useMutation({
    mutationFn: ({ project, name, role, days }: NewKey) => {
      const expires = days === null ? null : Math.floor(Date.now() / 1000) + days * 86_400;
      const body = { name, role, expires_at: expires, ...ofProject(project) };
      return result(api.POST('/api/keys', { body }));
    },
    onSuccess,
  });
}

export function useRevokeKey(project: string) {
  const onSuccess = useRenewKeys();
  return useMutation({
    mutationFn: (id: string) => {
      const params = { path: { key_id: id }, query: ofProject(project) };
      return result(api.DELETE('/api/keys/{key_id}', { params }));
    },
    onSuccess,
  });
}
