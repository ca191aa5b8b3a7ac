import { Workspace } from "./workspace";

export default function HomePage() {
  return <Workspace />;
}
