import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// MPF_PORTAL_BACKEND names a running portal (for example http://acme.localhost:8000) for `npm run dev`.
const backend = process.env.MPF_PORTAL_BACKEND ?? 'http://acme.localhost:8000'

export default defineConfig({
  base: '/portal-assets/',
  plugins: [vue()],
  build: {
    outDir: 'dist',
    assetsDir: '.',
    // The content security policy allows no data: fonts, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    reportCompressedSize: false
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/protected'].map((path) => [path, { target: backend, changeOrigin: true }])
    )
  }
})
