/** What a payload that is not ours becomes, so that nothing throws where a throw would wedge a live session. */
export const foreignMarker = { 'carrel.foreign': true } as const

/** Whether a decoded value stands for a payload that was not ours, or could not be opened. */
export function isForeign(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'carrel.foreign' in value && value['carrel.foreign'] === true
}
