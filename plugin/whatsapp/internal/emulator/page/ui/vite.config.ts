import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { compression } from "vite-plugin-compression2";

// The files land beside the Go package that embeds them, with names that change with their content and
// with packed copies, so that the server neither packs nor asks anybody to load twice.
export default defineConfig({
  base: "./",
  plugins: [svelte(), compression({ algorithms: ["gzip", "brotliCompress"], include: /\.(html|js|css|svg)$/ })],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0, // the page's policy allows no data: addresses
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { checks: { pluginTimings: false } }, // no talk of how long the build took
    license: { fileName: "licenses.md" }, // of what is packed into the page
  },
  // `npm run dev` beside an emulator that runs.
  server: { proxy: { "/_emulator": "http://127.0.0.1:4004" } },
});
