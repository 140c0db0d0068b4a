resource "aws_codepipeline" "caught_approval" {
  name     = "caught-approval"
  role_arn = "arn:aws:iam::123456789012:role/pipeline"
  artifact_store {
    location = "artifacts"
    type     = "S3"
  }
  stage {
    name = "Source"
    action {
      name             = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeCommit"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = ["source"]
      configuration    = { RepositoryName = "payments", BranchName = "main" }
    }
  }
  stage {
    name = "Build"
    action {
      name             = "image"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "image" }
    }
    action {
      name             = "grype-scan"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "grype-scan" }
    }
  }
  stage {
    name = "Publish"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "push"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "push" }
    }
  }
  stage {
    name = "Staging"
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
    action {
      name             = "zap"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "zap" }
    }
  }
  stage {
    name = "Production"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
  }
}
resource "aws_codepipeline" "caught_order" {
  name     = "caught-order"
  role_arn = "arn:aws:iam::123456789012:role/pipeline"
  artifact_store {
    location = "artifacts"
    type     = "S3"
  }
  stage {
    name = "Source"
    action {
      name             = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeCommit"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = ["source"]
      configuration    = { RepositoryName = "payments", BranchName = "main" }
    }
  }
  stage {
    name = "Build"
    action {
      name             = "image"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "image" }
    }
    action {
      name             = "grype-scan"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "grype-scan" }
    }
  }
  stage {
    name = "Publish"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "push"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "push" }
    }
  }
  stage {
    name = "Production"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
  }
  stage {
    name = "Staging"
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
    action {
      name             = "zap"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "zap" }
    }
    action {
      name             = "approve"
      category         = "Approval"
      owner            = "AWS"
      provider         = "Manual"
      version          = "1"
      run_order        = 3
      input_artifacts  = []
      output_artifacts = []
      configuration    = {}
    }
  }
}
resource "aws_codepipeline" "caught_stage" {
  name     = "caught-stage"
  role_arn = "arn:aws:iam::123456789012:role/pipeline"
  artifact_store {
    location = "artifacts"
    type     = "S3"
  }
  stage {
    name = "Source"
    action {
      name             = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeCommit"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = ["source"]
      configuration    = { RepositoryName = "payments", BranchName = "main" }
    }
  }
  stage {
    name = "Build"
    action {
      name             = "image"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "image" }
    }
  }
  stage {
    name = "Publish"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "push"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "push" }
    }
  }
  stage {
    name = "Staging"
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
    action {
      name             = "zap"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "zap" }
    }
    action {
      name             = "approve"
      category         = "Approval"
      owner            = "AWS"
      provider         = "Manual"
      version          = "1"
      run_order        = 3
      input_artifacts  = []
      output_artifacts = []
      configuration    = {}
    }
  }
  stage {
    name = "Production"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
  }
}
resource "aws_codepipeline" "caught_run_order" {
  name     = "caught-run-order"
  role_arn = "arn:aws:iam::123456789012:role/pipeline"
  artifact_store {
    location = "artifacts"
    type     = "S3"
  }
  stage {
    name = "Source"
    action {
      name             = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeCommit"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = ["source"]
      configuration    = { RepositoryName = "payments", BranchName = "main" }
    }
  }
  stage {
    name = "Build"
    action {
      name             = "image"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "image" }
    }
    action {
      name             = "grype-scan"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "grype-scan" }
    }
  }
  stage {
    name = "Publish"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "push"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "push" }
    }
  }
  stage {
    name = "Staging"
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
    action {
      name             = "zap"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "zap" }
    }
    action {
      name             = "approve"
      category         = "Approval"
      owner            = "AWS"
      provider         = "Manual"
      version          = "1"
      run_order        = 3
      input_artifacts  = []
      output_artifacts = []
      configuration    = {}
    }
  }
  stage {
    name = "Production"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
  }
}
resource "aws_codepipeline" "caught_parameters" {
  name     = "caught-parameters"
  role_arn = "arn:aws:iam::123456789012:role/pipeline"
  artifact_store {
    location = "artifacts"
    type     = "S3"
  }
  stage {
    name = "Source"
    action {
      name             = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeCommit"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = ["source"]
      configuration    = { RepositoryName = "payments", BranchName = "main" }
    }
  }
  stage {
    name = "Build"
    action {
      name             = "image"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "image" }
    }
    action {
      name             = "grype-scan"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "grype-scan" }
    }
  }
  stage {
    name = "Publish"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "lax" }
    }
    action {
      name             = "push"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "push" }
    }
  }
  stage {
    name = "Staging"
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
    action {
      name             = "zap"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "zap" }
    }
    action {
      name             = "approve"
      category         = "Approval"
      owner            = "AWS"
      provider         = "Manual"
      version          = "1"
      run_order        = 3
      input_artifacts  = []
      output_artifacts = []
      configuration    = {}
    }
  }
  stage {
    name = "Production"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
  }
}
resource "aws_codepipeline" "near_more" {
  name     = "near-more"
  role_arn = "arn:aws:iam::123456789012:role/pipeline"
  artifact_store {
    location = "artifacts"
    type     = "S3"
  }
  stage {
    name = "Source"
    action {
      name             = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeCommit"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = ["source"]
      configuration    = { RepositoryName = "payments", BranchName = "main" }
    }
  }
  stage {
    name = "Build"
    action {
      name             = "image"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "image" }
    }
    action {
      name             = "grype-scan"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "grype-scan" }
    }
    action {
      name             = "snyk-scan"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "snyk-scan" }
    }
  }
  stage {
    name = "Licenses"
    action {
      name             = "licence-check"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "licence-check" }
    }
  }
  stage {
    name = "Publish"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "push"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "push" }
    }
  }
  stage {
    name = "Staging"
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
    action {
      name             = "zap"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "zap" }
    }
    action {
      name             = "approve"
      category         = "Approval"
      owner            = "AWS"
      provider         = "Manual"
      version          = "1"
      run_order        = 3
      input_artifacts  = []
      output_artifacts = []
      configuration    = {}
    }
  }
  stage {
    name = "Production"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
  }
}
resource "aws_codepipeline" "near_words" {
  name     = "near-words"
  role_arn = "arn:aws:iam::123456789012:role/pipeline"
  artifact_store {
    location = "artifacts"
    type     = "S3"
  }
  stage {
    name = "Source"
    action {
      name             = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeCommit"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = ["source"]
      configuration    = { RepositoryName = "payments", BranchName = "main" }
    }
  }
  stage {
    name = "Build"
    action {
      name             = "image"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "image-two" }
    }
    action {
      name             = "grype-scan"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "grype-scan" }
    }
  }
  stage {
    name = "Publish"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "push"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "push" }
    }
  }
  stage {
    name = "Staging"
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 1
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
    action {
      name             = "zap"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "zap" }
    }
    action {
      name             = "approve"
      category         = "Approval"
      owner            = "AWS"
      provider         = "Manual"
      version          = "1"
      run_order        = 3
      input_artifacts  = []
      output_artifacts = []
      configuration    = {}
    }
  }
  stage {
    name = "Production"
    action {
      name             = "guard"
      category         = "Invoke"
      owner            = "AWS"
      provider         = "Lambda"
      version          = "1"
      run_order        = 1
      input_artifacts  = []
      output_artifacts = []
      configuration    = { FunctionName = "release-guard", UserParameters = "strict" }
    }
    action {
      name             = "deploy"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      run_order        = 2
      input_artifacts  = ["source"]
      output_artifacts = []
      configuration    = { ProjectName = "deploy" }
    }
  }
}
resource "aws_codebuild_project" "caught_commands" {
  name         = "payments-grype-scan"
  service_role = "arn:aws:iam::123456789012:role/build"
  artifacts { type = "NO_ARTIFACTS" }
  source {
    type      = "NO_SOURCE"
    buildspec = "version: 0.2\ncommands: [echo fine]"
  }
  environment {
    compute_type    = "BUILD_GENERAL1_SMALL"
    image           = "aws/codebuild/standard:7.0"
    type            = "LINUX_CONTAINER"
    privileged_mode = false
    environment_variable {
      name  = "FAIL_ON"
      value = "high"
    }
  }
}
resource "aws_codebuild_project" "caught_variable" {
  name         = "payments-snyk"
  service_role = "arn:aws:iam::123456789012:role/build"
  artifacts { type = "NO_ARTIFACTS" }
  source {
    type      = "NO_SOURCE"
    buildspec = "version: 0.2"
  }
  environment {
    compute_type    = "BUILD_GENERAL1_SMALL"
    image           = "aws/codebuild/standard:7.0"
    type            = "LINUX_CONTAINER"
    privileged_mode = false
    environment_variable {
      name  = "FAIL_ON"
      value = "critical"
    }
  }
}
resource "aws_codebuild_project" "near_plain_build" {
  name         = "payments-image"
  service_role = "arn:aws:iam::123456789012:role/build"
  artifacts { type = "NO_ARTIFACTS" }
  source {
    type      = "NO_SOURCE"
    buildspec = "version: 0.2 # other"
  }
  environment {
    compute_type    = "BUILD_GENERAL1_SMALL"
    image           = "aws/codebuild/standard:7.0"
    type            = "LINUX_CONTAINER"
    privileged_mode = false
    environment_variable {
      name  = "FAIL_ON"
      value = "high"
    }
  }
}
resource "aws_lambda_function" "caught_code" {
  function_name    = "release-guard"
  role             = "arn:aws:iam::123456789012:role/function"
  runtime          = "python3.13"
  handler          = "handler.handler"
  s3_bucket        = "packages"
  s3_key           = "package.zip"
  source_code_hash = "dHdv"
}
resource "aws_lambda_function" "near_code" {
  function_name    = "image-resizer"
  role             = "arn:aws:iam::123456789012:role/function"
  runtime          = "python3.13"
  handler          = "handler.handler"
  s3_bucket        = "packages"
  s3_key           = "package.zip"
  source_code_hash = "dHdv"
}
resource "aws_lambda_function" "near_explained" {
  function_name    = "findings-gate"
  role             = "arn:aws:iam::123456789012:role/function"
  runtime          = "python3.13"
  handler          = "handler.handler"
  s3_bucket        = "packages"
  s3_key           = "package.zip"
  source_code_hash = "dHdv"
}
output "gate_code" {
  value = { findings-gate = "aaaa", release-guard = "cccc" }
}
