import type { z } from '@hono/zod-openapi'

/** A JSON body that a route takes. Required: without it an empty request would pass unvalidated. */
export const body = <S extends z.ZodType>(schema: S) => ({
  required: true as const,
  content: { 'application/json': { schema } },
})

/** A JSON answer that a route gives. */
export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
