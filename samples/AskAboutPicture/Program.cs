using FlowCut.Imaging.Skia;
using FlowCut.Models;
using FlowCut.Models.Generation;
using FlowCut.Models.Pruning;

using var model = VisionLanguageModel.Load(args[0]);
var picture = PictureFile.Load(args[1]).Image;
var options = new GenerationOptions
{
    Pruning = new FlowCutStrategy(new FlowCutOptions { Keep = 16 }),
    MaxTokens = 24,
};
var answer = model.GenerateAsync("What is in the picture?", picture, options);
await foreach (var piece in answer) Console.Write(piece.Text);
Console.WriteLine($"\nkept patches: {string.Join(' ', answer.Records[0].Kept)}");
