// Starts a portal of its own for the tests: a new data folder, a free port, the sample's sites and content.
// All calls of the portal's command line are in this file.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const project = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const sample = path.join(project, 'reference_app/sample')
const documents = process.env.MPF_TEST_DOCUMENTS ?? '/usr/share/doc/postgresql-doc-15/html'

/** The members of the sample's sites; passwords as in reference_app/sample/sites. */
export const people = {
  acme: { email: 'mika@acme.test', name: 'Mika Lund', password: 'acme-member-2026' },
  globex: { email: 'lea@globex.test', name: 'Lea Marchetti', password: 'globex-member-2026' }
}

async function free_port() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

function run(binary, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (data) => (output += data))
    child.stderr.on('data', (data) => (output += data))
    child.on('error', reject)
    child.on('exit', (code, signal) =>
      code === 0
        ? resolve(output)
        : reject(new Error(`portal ${args.join(' ')} ended with ${code ?? signal}:\n${output}`))
    )
  })
}

/** Asks one of the sites from outside the browser; resolves with status and body. */
export function ask(port, host, target, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.get(
      { host: '127.0.0.1', port, path: target, headers: { host: `${host}:${port}`, ...headers } },
      (response) => {
        let body = ''
        response.on('data', (data) => (body += data))
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
      }
    )
    request.on('error', reject)
    request.setTimeout(10_000, () => request.destroy(new Error(`no answer from ${host}${target}`)))
  })
}

async function until_ready(port, child) {
  const end = Date.now() + 30_000
  for (;;) {
    if (child.exitCode !== null) throw new Error(`portal serve ended with ${child.exitCode}:\n${child.log}`)
    const answer = await ask(port, 'acme.localhost', '/health/ready').catch(() => null)
    if (answer?.status === 200) return
    if (Date.now() > end) throw new Error(`the portal is not ready after 30 s:\n${child.log}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/**
 * Resolves with {port, stop()}. MPF_PORTAL_BINARY names the program. With MPF_BROWSER_PORT the tests use a
 * portal that runs already, with the sample in it, and leave it running.
 */
export async function start_portal() {
  if (process.env.MPF_BROWSER_PORT) return { port: Number(process.env.MPF_BROWSER_PORT), stop: async () => {} }
  const binary = process.env.MPF_PORTAL_BINARY
  if (!binary || !existsSync(binary)) {
    throw new Error('set MPF_PORTAL_BINARY to the built portal program (it is in the build folder)')
  }
  if (!existsSync(documents)) {
    throw new Error(`no documents at ${documents}: install postgresql-doc-15, or set MPF_TEST_DOCUMENTS`)
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'mpf-browser-'))
  const port = await free_port()
  const env = {
    ...process.env,
    MPF_DATABASE__FILE: path.join(folder, 'portal.db'),
    MPF_STORAGE__FOLDER: path.join(folder, 'files'),
    MPF_HTTP__PORT: String(port)
  }
  let child = null
  const stop = async () => {
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await ended
      clearTimeout(timer)
    }
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await run(binary, ['migrate', 'apply'], env)
    await run(binary, ['sample', sample, '--documents', documents], env)
    child = spawn(binary, ['serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.log = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => (child.log = (child.log + data).slice(-20_000)))
    }
    await until_ready(port, child)
  } catch (error) {
    await stop()
    throw error
  }
  return { port, stop }
}
