import { fetchRaw } from '@/api/client';

// Hands bytes to the browser as a download.
export function saveBlob(blob: Blob, name: string) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 0);
}

// Downloads a file of the project under its own name.
export async function saveContent(id: string, name: string) {
  const response = await fetchRaw(`/v1/files/${encodeURIComponent(id)}/content`);
  saveBlob(await response.blob(), name);
}
