// Uploaded files as data.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api, result } from '@/api/client';

const PAGE = 50;
const LINES = 10;

const path = (id: string) => ({ params: { path: { file_id: id } } });

export function useFiles(purpose: string) {
  return useInfiniteQuery({
    queryKey: ['files', purpose],
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const query = {
        limit: PAGE,
        ...(purpose === '' ? {} : { purpose }),
        ...(pageParam === '' ? {} : { after: pageParam }),
      };
      return result(api.GET('/v1/files', { params: { query }, signal }));
    },
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
    select: (data) => data.pages.flatMap((page) => page.data),
  });
}

export function useFile(id: string) {
  return useQuery({
    queryKey: ['file', id],
    queryFn: ({ signal }) => result(api.GET('/v1/files/{file_id}', { ...path(id), signal })),
    staleTime: 60_000, // a file does not change, it only goes
  });
}

export function useFileReport(id: string) {
  return useQuery({
    queryKey: ['file-report', id],
    queryFn: ({ signal }) =>
      result(api.GET('/api/files/{file_id}/report', { ...path(id), signal })),
    staleTime: Infinity,
  });
}

// The lines with these numbers, as they stand in the file.
export function useFileLines(id: string, lines: readonly number[]) {
  return useQuery({
    queryKey: ['file-lines', id, lines],
    enabled: lines.length > 0,
    queryFn: ({ signal }) =>
      result(
        api.GET('/api/files/{file_id}/lines', {
          params: { ...path(id).params, query: { lines: lines.join(',') } },
          signal,
        }),
      ),
    staleTime: Infinity,
  });
}

// Examples from the first on, as the model reads them.
export function useFilePreview(id: string, model: string) {
  return useInfiniteQuery({
    queryKey: ['file-preview', id, model],
    initialPageParam: 0,
    queryFn: ({ pageParam, signal }) =>
      result(
        api.GET('/api/files/{file_id}/lines', {
          params: { ...path(id).params, query: { model, after: pageParam, limit: LINES } },
          signal,
        }),
      ),
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.line : undefined),
    select: (data) => data.pages.flatMap((page) => page.data),
    staleTime: Infinity,
  });
}

export function useDeleteFile(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => result(api.DELETE('/v1/files/{file_id}', path(id))),
    onSuccess: () => client.invalidateQueries({ queryKey: ['files'] }),
  });
}
