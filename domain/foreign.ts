/** What a payload that is not ours becomes, so that nothing throws where a throw would wedge a live session. */
export const foreignMarker = { 'carrel.foreign': true } as const

/** Why a payload could not be taken: written by somebody else, or sealed with a key we do not have, or damaged. */
export const foreignReasons = ['plain', 'unknown_key', 'unreadable'] as const
export type ForeignReason = (typeof foreignReasons)[number]

/** Whether a decoded value stands for a payload that was not ours, or could not be opened. */
export function isForeign(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'carrel.foreign' in value && value['carrel.foreign'] === true
}
