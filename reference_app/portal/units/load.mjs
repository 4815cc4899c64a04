import { readFile } from 'node:fs/promises'
import ts from 'typescript'

/** A module of src/model that imports nothing but types, as Node.js can run it. */
export async function load(name) {
  const source = await readFile(new URL(`../src/model/${name}.ts`, import.meta.url), 'utf8')
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: 'ES2022', module: 'ESNext', verbatimModuleSyntax: true }
  })
  return import(`data:text/javascript,${encodeURIComponent(outputText)}`)
}
