// Uploaded files as data.
import { useQuery } from '@tanstack/react-query';

import { api, result } from '@/api/client';

export function useFile(id: string) {
  return useQuery({
    queryKey: ['file', id],
    queryFn: ({ signal }) =>
      result(api.GET('/v1/files/{file_id}', { params: { path: { file_id: id } }, signal })),
    staleTime: 60_000, // a file does not change, it only goes
  });
}
