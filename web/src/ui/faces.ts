/** Whether a photo may show a face, where the browser itself can tell; elsewhere the standing reminder must do. */

interface Detector {
  detect(picture: ImageBitmapSource): Promise<readonly unknown[]>;
}
type DetectorMaker = new (options: { maxDetectedFaces: number; fastMode: boolean }) => Detector;

export async function showsFace(picture: ImageData): Promise<boolean> {
  const maker = (globalThis as { FaceDetector?: DetectorMaker }).FaceDetector;
  if (maker === undefined) return false;
  try {
    return (await new maker({ maxDetectedFaces: 1, fastMode: true }).detect(picture)).length > 0;
  } catch {
    return false; // the interface is there, but not what it needs of the system
  }
}
