// What else an admin sees: the projects, who is told of jobs, and who changed what.
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';

import { api, result } from '@/api/client';
import type { AuditEntry, Project, Webhook } from '@/api/types';

const PAGE = 30;

interface ListPage {
  data: unknown[];
  has_more: boolean;
}

// A list that the server has by pages.
function useAdminList<T extends { id: string }>(
  name: string,
  load: (query: { limit: number; after?: string }, signal: AbortSignal) => Promise<ListPage>,
) {
  return useInfiniteQuery({
    queryKey: [name],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      load({ limit: PAGE, ...(pageParam === '' ? {} : { after: pageParam }) }, signal),
    getNextPageParam: (page) =>
      page.has_more ? (page.data.at(-1) as T | undefined)?.id : undefined,
    select: (data) => data.pages.flatMap((page) => page.data as T[]),
  });
}

export const useWebhooks = () =>
  useAdminList<Webhook>('webhooks', (query, signal) =>
    result(api.GET('/api/webhooks', { params: { query }, signal })),
  );

export const useAudit = () =>
  useAdminList<AuditEntry>('audit', (query, signal) =>
    result(api.GET('/api/audit', { params: { query }, signal })),
  );

// The oldest first. Keys of the first project alone see them.
export const useProjects = () =>
  useAdminList<Project>('projects', (query, signal) =>
    result(api.GET('/api/projects', { params: { query }, signal })),
  );

export function useCreateProject() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => result(api.POST('/api/projects', { body: { name } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['projects'] }),
  });
}

export const webhookEvents = ['succeeded', 'failed', 'cancelled'] as const;
export type WebhookEvent = (typeof webhookEvents)[number];
const NAME = 'fine_tuning.job.';
export const eventsOf = (webhook: Webhook) =>
  webhookEvents.filter((event) => webhook.events.includes(NAME + event));

export function useCreateWebhook() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ url, events }: { url: string; events: readonly WebhookEvent[] }) => {
      const body = { url, events: events.map((event) => `${NAME}${event}` as const) };
      return result(api.POST('/api/webhooks', { body }));
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ['webhooks'] }),
  });
}

export function useDeleteWebhook() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      result(api.DELETE('/api/webhooks/{webhook_id}', { params: { path: { webhook_id: id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['webhooks'] }),
  });
}
