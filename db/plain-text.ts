/** Text from outside as Postgres takes it, in `text` and in `jsonb`: no NUL, no half characters, at most `max` long. */
export const plainText = (text: string, max: number): string => text.replaceAll('\0', '').slice(0, max).toWellFormed()
