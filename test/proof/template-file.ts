import { readFile } from 'node:fs/promises'
import { TemplateSpecSchema } from '../../api/templates/spec.ts'
import type { TemplateSpec } from '../../domain/template.ts'

/** A template as an operator would create it. Throws, in words, what is wrong with it. */
export async function templateIn(file: string): Promise<TemplateSpec> {
  const { success, data, error } = TemplateSpecSchema.safeParse(jsonOf(file, await textOf(file)))
  if (success) return data
  throw new Error(
    [`${file} holds no template:`, ...error.issues.map((i) => `  ${i.path.join('.')} ${i.message}`)].join('\n'),
  )
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    throw new Error(`--template must name a readable file, and ${file} is none`)
  }
}

function jsonOf(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(`${file} holds no JSON`)
  }
}
