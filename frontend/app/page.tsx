import { Workspace } from "@/features/workspace/components/workspace";

export default function HomePage() {
  return <Workspace />;
}
