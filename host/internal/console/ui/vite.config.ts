import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { compression } from "vite-plugin-compression2";

// The files land beside the Go package that embeds them, with names that change with their content and
// with packed copies.
export default defineConfig({
  plugins: [svelte(), compression({ algorithms: ["gzip", "brotliCompress"], include: /\.(html|js|css|svg)$/ })],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { checks: { pluginTimings: false } }, // no talk of how long the build took
    license: { fileName: "licenses.md" }, // of what is packed into the page
  },
  // `npm run dev` beside a daemon with spec.admin.listen 127.0.0.1:9090.
  server: { proxy: { "/aof.host.v1": "http://127.0.0.1:9090" } },
});
