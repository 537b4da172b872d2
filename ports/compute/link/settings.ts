import { z } from 'zod'

/** A link runs nowhere: where it leads to stands in its template. */
export const linkSettings = z.strictObject({})
export const linkApiSettings = linkSettings
export const linkSecretFields: readonly string[] = []
