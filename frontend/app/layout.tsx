import "./globals.css";
import type { Metadata, Viewport } from "next";
import { headers } from "next/headers";
import type { ReactNode } from "react";
import { themeScript } from "@/lib/theme";
import { Providers } from "./providers";

export const metadata: Metadata = {
  title: { default: "To-do", template: "%s · To-do" },
  description: "A to-do list you can talk to.",
  applicationName: "To-do",
  robots: { index: false },
};

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  viewportFit: "cover",
  interactiveWidget: "resizes-content",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#ffffff" },
    { media: "(prefers-color-scheme: dark)", color: "#1c1d20" },
  ],
};

/** The nonce that proxy.ts put into this page's policy; plain files have none. */
async function scriptNonce(): Promise<string | undefined> {
  if (process.env.BUILD_TARGET === "static") return undefined;
  return (await headers()).get("x-nonce") ?? undefined;
}

export default async function RootLayout({ children }: { children: ReactNode }) {
  return (
    // The theme script may set data-theme before React arrives.
    <html lang="en" suppressHydrationWarning>
      <body>
        <script
          nonce={await scriptNonce()}
          suppressHydrationWarning
          dangerouslySetInnerHTML={{ __html: themeScript }}
        />
        <Providers>{children}</Providers>
      </body>
    </html>
  );
}
