import type { Metadata } from "next";
import { InsightsPage } from "@/features/workspace/components/insights-page";

export const metadata: Metadata = { title: "Insights" };

export default function Page() {
  return <InsightsPage />;
}
