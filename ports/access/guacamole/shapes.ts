import { z } from 'zod'

// What we read of the answers of Guacamole 1.6. Everything else in them is dropped.

const id = z.string().regex(/^\d+$/)

export const tokenShape = z.object({ authToken: z.string().min(1), username: z.string() })
export const madeShape = z.object({ identifier: id })
export const errorShape = z.object({ message: z.string().default('') })

export const connectionShape = z.object({ identifier: id, name: z.string(), protocol: z.string().default('') })
export type ConnectionShape = z.output<typeof connectionShape>
export interface TreeShape {
  readonly identifier: string
  readonly name: string
  readonly childConnections: readonly ConnectionShape[]
  readonly childConnectionGroups: readonly TreeShape[]
}
export const treeShape: z.ZodType<TreeShape> = z.object({
  identifier: z.string(),
  name: z.string(),
  childConnections: z.array(connectionShape).default([]),
  get childConnectionGroups() {
    return z.array(treeShape).default([])
  },
})

export const parametersShape = z.record(z.string(), z.string())
export const userShape = z.object({ username: z.string(), disabled: z.boolean().default(false) })
export const usersShape = z.record(z.string(), userShape)
export const permissionsShape = z.object({
  connectionPermissions: z.record(z.string(), z.array(z.string())).default({}),
})
export const profilesShape = z.record(z.string(), z.object({ identifier: id, name: z.string() }))
export const credentialsShape = z.object({ values: z.object({ key: z.string().min(1) }) })

export const activeShape = z.record(
  z.string(),
  z.object({
    identifier: z.string(),
    connectionIdentifier: z.string(),
    startDate: z.number(),
    remoteHost: z.string().nullable().default(null),
    username: z.string().nullable().default(null),
  }),
)
export type ActiveShape = z.output<typeof activeShape>[string]
